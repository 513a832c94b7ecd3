"""The blob calls that the SDK makes to upload code and models."""
