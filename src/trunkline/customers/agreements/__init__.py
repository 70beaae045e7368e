"""Agreements (TMF651): what is settled with parties beside the list."""
