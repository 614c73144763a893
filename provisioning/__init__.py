"""A blank card becomes a trusted node: certificates, inventory, enrolment, broker configuration."""
