"""Party roles (TMF669): what parties are to the operator, other than its customers."""
