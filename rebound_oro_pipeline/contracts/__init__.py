"""What crosses the boundary: ReBound documents, OroCommerce documents, the policy file, as validated models."""
