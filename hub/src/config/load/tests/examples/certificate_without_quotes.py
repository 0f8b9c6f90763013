c.JupyterHub.ssl_cert = your_host-chained.crt
