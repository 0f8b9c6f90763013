c.Authenticator.whitelist = set('mal')
c.Authenticator.admin_users = set('mal')
