c.JupyterHub.ip = '*'
c.JupyterHub.proxy_api_ip = '10.0.1.4'
c.JupyterHub.proxy_api_port = 5432
c.JupyterHub.hub_ip = '10.0.1.4'
