"""What every service of the local account needs: the application, requests, storage, streams, workers and quirks."""
