"""What the API answers: schemas, and data classes as schemas."""
