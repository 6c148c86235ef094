"""Single sign-on: clients and policies declared once, Authentik's blueprints and the consumers' side from them."""
