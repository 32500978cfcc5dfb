"""ipr in the places that it was made for: Slurm, ssh, two hosts."""
