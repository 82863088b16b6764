"""The OpenAPI document in Swagger UI, to look at and to try out."""
