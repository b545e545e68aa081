"""The quickstart and the transfer demo."""
