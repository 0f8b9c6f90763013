c.JupyterHub.cookie_secret = bytes.fromhex('64 CHAR HEX STRING')
