import os
c.JupyterHub.db_file = os.path.join('/var/run/jupyterhub', 'jupyterhub.sqlite')
c.JupyterHub.admin_users = {'jhamrick', 'rgbkrk'}
