"""Messages and what belongs to them: attachments, downloads, edits, reactions, echoes, delivery reports."""
