c.JupyterHub.statsd_host = 'stats'
