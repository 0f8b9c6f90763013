c.JupyterHub.port = 443
c.JupyterHub.ssl_cert = /path/to/example_host-chained.crt
