"""The Feature Execution Workbench: from a repository's own documents to an audited result."""
