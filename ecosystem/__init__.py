"""The platform with its tenants: measurements behind the tables that the game looks up, claims, recommendations."""
