"""What a running daemon tells the world: logs, systemd's notifications, metrics, health and alerts."""
