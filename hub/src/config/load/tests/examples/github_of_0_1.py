c = get_config()
import os
c.JupyterHub.db_file = os.path.join('/var/run/jupyterhub', 'jupyterhub.sqlite')
c.JupyterHub.authenticator_class = 'oauthenticator.LocalGitHubOAuthenticator'
c.GitHubOAuthenticator.oauth_callback_url = os.environ['NO_OAUTH_CALLBACK_URL_HERE']
c.JupyterHub.admin_users = {'jhamrick', 'rgbkrk'}
