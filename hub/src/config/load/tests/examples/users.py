c.Authenticator.whitelist = {'mal', 'zoe', 'inara', 'kaylee'}
c.Authenticator.admin_users = {'mal', 'zoe'}
c.Authenticator.username_map = {
    'service-name': 'localname'
}
c.Authenticator.username_pattern = r'w.*'
c.JupyterHub.allow_named_servers = True
