"""What crosses the boundary, validated: ReBound documents, OroCommerce documents, the policy file."""
