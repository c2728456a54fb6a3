"""What each stakeholder sees, may do and is paid (``roles``), and how it may act (``policies``)."""
