"""What the declarations beside this room are made of: the forms of bodies in and out, and how
what they show is found. Nothing here knows a declaration."""
