"""What a patient agreed to: the notice, the receipt, and the copy that the patient takes home."""
