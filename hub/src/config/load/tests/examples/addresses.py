c.JupyterHub.ip = '192.168.1.2'
c.JupyterHub.port = 443
c.ConfigurableHTTPProxy.api_url = 'http://10.0.1.4:5432'
c.JupyterHub.hub_ip = '0.0.0.0'
c.JupyterHub.hub_port = 54321
c.JupyterHub.hub_connect_ip = '10.0.1.4'
