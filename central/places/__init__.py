"""Places for the public: where somebody may have been exposed whom nobody could find, and nothing about the patient."""
