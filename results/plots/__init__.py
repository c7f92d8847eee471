"""Pictures of a run. They need matplotlib, which is imported when one is drawn and not before."""
