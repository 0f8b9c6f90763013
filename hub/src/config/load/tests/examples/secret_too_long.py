c.JupyterHub.cookie_secret = bytes.fromhex('ab' * 1024)
