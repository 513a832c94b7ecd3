"""What Sluice does to resources and takes time: kept, worked on in the background, found again."""
