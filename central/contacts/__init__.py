"""Who was near the patient, for how long, and what each dated preset makes of it."""
