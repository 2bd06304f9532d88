"""CDS Hooks advice for pancreatic cancer with liver metastases."""

__version__ = "0.1.0"
