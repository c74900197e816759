"""The words of a reply without quotations, copied headers and signature. Pure."""
