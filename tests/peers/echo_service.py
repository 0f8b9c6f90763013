"""The counterpart of echo-service with JupyterHub's own classes: `echo_service.py tokens|login`."""

import os
import sys
from urllib.parse import urlparse

from jupyterhub.services.auth import (
    HubAuthenticated,
    HubOAuthCallbackHandler,
    HubOAuthenticated,
)
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, authenticated

Base = HubOAuthenticated if sys.argv[1] == "login" else HubAuthenticated


class Echo(Base, RequestHandler):
    @authenticated
    def get(self):
        self.write(self.current_user["name"])

    head = post = put = delete = patch = options = get


prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
app = Application(
    [(prefix, Echo), (prefix + "oauth_callback", HubOAuthCallbackHandler)],
    cookie_secret=os.urandom(32),
)
url = urlparse(os.environ["JUPYTERHUB_SERVICE_URL"])
app.listen(url.port, url.hostname)
IOLoop.current().start()
