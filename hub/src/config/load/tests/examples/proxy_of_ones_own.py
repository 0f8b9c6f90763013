from mymodule import MyProxy
c.JupyterHub.proxy_class = MyProxy
