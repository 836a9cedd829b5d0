"""One HTML file that says what the planning room found: nothing here decides or counts."""
