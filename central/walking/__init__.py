"""The walking network: how far it is from camera to camera on foot, by OpenStreetMap's ways."""
