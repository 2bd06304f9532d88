"""What an installation needs to do its work, looked at piece by piece. Checks give findings and change nothing."""
