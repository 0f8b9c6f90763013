c.LocalAuthenticator.create_system_users = True
c.PAMAuthenticator.open_sessions = False
c.Authenticator.enable_auth_state = True
