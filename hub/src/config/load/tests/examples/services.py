c.JupyterHub.services = [
    {'name': 'adding-users', 'api_token': 'super-secret-token'},
    {
        'name': 'cull-idle',
        'admin': True,
        'command': 'python cull_idle_servers.py --timeout=3600'.split(),
    },
    {
        'name': 'my-web-service',
        'url': 'https://10.0.1.1:1984',
        'api_token': 'super-secret',
    },
]
c.JupyterHub.api_tokens = {
    'secret-token': 'username',
}
