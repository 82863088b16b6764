"""Takes plans and concludes each exactly once; on paper for now."""
