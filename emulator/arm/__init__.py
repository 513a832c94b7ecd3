"""The control plane: Azure Resource Manager for Azure Machine Learning."""
