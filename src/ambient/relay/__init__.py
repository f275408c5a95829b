"""The only code that talks to runners."""
