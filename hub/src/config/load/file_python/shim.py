"""Evaluates a jupyterhub_config.py and writes what it sets as JSON. Standard library only.

argv[1] is the file, argv[2] after how many seconds this ends whatever happens. One file, although it is long: python3
gets it as one text.

Names, operations and look-ups are those that traitlets gives such a file: sections by attribute or key, changes of
values that nobody set yet, get_config(), load_subconfig(). Nothing of the file runs later: functions are only named.
"""
import sys

# First of all: with -c the working folder would come before Python's own modules.
sys.path[:] = [entry for entry in sys.path if entry]

import ast
import importlib.abc
import importlib.machinery
import json
import os
import signal
import types

# Also when the hub is killed meanwhile.
signal.alarm(int(sys.argv[2]))

# The answer has a descriptor of its own, which children do not get; what the file prints goes where errors go.
OUT = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

# Says on standard error that nothing more comes.
DONE = b"\0jupyterhub_config.py was evaluated\0"
DEPTH = 30
NODES = 200000
OWN = __file__ if "__file__" in globals() else "<string>"

files = []
sources = {}
absent = []


def number_of(name):
    if name not in files:
        files.append(name)
    return files.index(name)


def here():
    """The file and line that asks, past this program and the import machinery."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name != OWN and not name.startswith("<"):
            return number_of(name), frame.f_lineno
        frame = frame.f_back
    return 0, 0


class Lazy:
    """A value that nobody set yet: remembers what is done to it, for the default."""

    def __init__(self):
        self.before, self.after, self.inserts, self.updates = [], [], [], []
        self.place = None

    def _note(self):
        self.place = self.place or here()

    def append(self, item):
        self._note()
        self.after.append(item)

    def extend(self, items):
        self._note()
        self.after.extend(items)

    def prepend(self, items):
        self._note()
        self.before[:0] = items

    def insert(self, index, item):
        if not isinstance(index, int):
            raise TypeError("An integer is required")
        self._note()
        self.inserts.append((index, item))

    def add(self, item):
        self._note()
        self.updates.append({item})

    def update(self, items):
        self._note()
        self.updates.append(items if isinstance(items, dict) else set(items))


def is_section(key):
    return isinstance(key, str) and key[:1].isupper()


class Config(dict):
    """c, and every section of it."""

    def __init__(self, *args, **kwargs):
        object.__setattr__(self, "_places", {})
        dict.__init__(self)
        self.update(*args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name, value):
        self[name] = value

    def __delattr__(self, name):
        del self[name]

    def __getitem__(self, key):
        if key not in self:
            if is_section(key):
                dict.__setitem__(self, key, Config())
            elif isinstance(key, str) and not key.startswith("_"):
                dict.__setitem__(self, key, Lazy())
        return dict.__getitem__(self, key)

    def __setitem__(self, key, value):
        if is_section(key) and not isinstance(value, Config):
            if not isinstance(value, dict):
                raise ValueError(
                    "%s begins with a capital letter, so it is a class: set its settings, c.%s.name = ..." % (key, key)
                )
            value = Config(value)
        self._places[key] = here()
        dict.__setitem__(self, key, value)

    def __contains__(self, key):
        if isinstance(key, str) and "." in key:
            first, rest = key.split(".", 1)
            return first in self and rest in self[first]
        return dict.__contains__(self, key)

    has_key = __contains__

    def get(self, key, default=None):
        return self[key] if key in self else default

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args, **kwargs):
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def merge(self, other):
        for key, value in other.items():
            if isinstance(value, dict) and isinstance(self.get(key), Config):
                self[key].merge(value)
            else:
                self[key] = value

    def copy(self):
        return Config(self)


c = Config()


def get_config():
    return c


# Packages that such files import: where they are not installed, their classes can be named all the same.
PACKAGES = set(
    "jupyterhub oauthenticator dockerspawner kubespawner ldapauthenticator nativeauthenticator tmpauthenticator "
    "firstuseauthenticator nullauthenticator sudospawner systemdspawner batchspawner wrapspawner jupyterhub_carina "
    "jupyterhub_traefik_proxy jupyterhub_idle_culler ltiauthenticator traitlets tornado".split()
)
# Their functions decorate methods of classes that never run.
HARMLESS = ("traitlets", "tornado")


class Stub:
    """What stands for a thing of a package that is not installed."""

    def __init__(self, *args, **kwargs):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub()

    def __call__(self, *args, **kwargs):
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else Stub()


class StubModule(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        path = "%s.%s" % (self.__name__, name)
        package = self.__name__.split(".")[0]
        if name.startswith("__"):
            raise AttributeError("%s: %s is not installed for %s" % (path, package, sys.executable))
        if name == "get_config":
            return get_config
        if name[:1].isupper():
            made = type(name, (Stub,), {"__module__": self.__name__, "__qualname__": name})
        elif package in HARMLESS:
            made = Stub()
        else:

            def made(*args, **kwargs):
                raise RuntimeError("%s cannot be called: %s is not installed for %s" % (path, package, sys.executable))

        setattr(self, name, made)
        return made


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in PACKAGES:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return StubModule(spec.name)

    def exec_module(self, module):
        pass


def run(path):
    with open(path, "rb") as file:
        source = file.read()
    number_of(path)
    code = compile(source, path, "exec", dont_inherit=True)
    sources[path] = statements(source)
    if b"traitlets" in source:
        import traitlets.config

        traitlets.config.get_config = get_config
    space = {"c": c, "get_config": get_config, "load_subconfig": subconfig(path), "__file__": path}
    exec(code, space, space)


def subconfig(base):
    def load_subconfig(name, path=None):
        wanted = os.path.expanduser(os.path.expandvars(name))
        # JupyterHub looks in the working folder only; beside the file is where people expect it.
        for folder in [path] if path else [os.getcwd(), os.path.dirname(base)]:
            found = os.path.join(folder, wanted)
            if os.path.exists(found):
                run(os.path.abspath(found))
                return
        absent.append([here(), text(name)])

    return load_subconfig


def statements(source):
    """Values that are written out, by the line of their statement, where one line has one."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        value = None
        if isinstance(node, ast.Assign):
            value = node.value
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and len(node.value.args) == 1:
            value = node.value.args[0]
        if value is not None:
            found[node.lineno] = None if node.lineno in found else value
    return found


def text(value):
    """What UTF-8 can hold of it: names of files and variables may be other bytes."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def literal(tree):
    """Whether the value stands in the file, rather than elsewhere (the environment, for example)."""
    return isinstance(tree, (ast.Constant, ast.Dict, ast.List, ast.Set, ast.Tuple))


class Writer:
    def __init__(self):
        self.left = NODES

    def node(self, value, line, tree=None, depth=DEPTH):
        self.left -= 1
        if depth == 0 or self.left < 0:
            raise ValueError("a value in line %d is too large or contains itself" % line)
        line = getattr(tree, "lineno", line)
        kind, content = self.form(value, line, tree, depth - 1)
        return {"t": kind, "v": content, "n": line}

    def form(self, value, line, tree, depth):
        if value is None or isinstance(value, bool):
            return ("none", None) if value is None else ("bool", bool(value))
        if isinstance(value, int):
            return "int", str(int(value))
        if isinstance(value, float):
            return "float", repr(float(value))
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, (bytes, bytearray)):
            return "bytes", bytes(value).hex()
        if isinstance(value, str):
            return "text", text(value)
        if isinstance(value, dict):
            return "table", self.table(value, line, tree, depth)
        if isinstance(value, (list, tuple)):
            return "list", self.items(list(value), line, tree, depth)
        if isinstance(value, (set, frozenset)):
            return "list", self.items(sorted(value, key=repr), line, None, depth)
        return foreign(value)

    def items(self, items, line, tree, depth):
        parts = tree.elts if isinstance(tree, (ast.List, ast.Tuple)) and len(tree.elts) == len(items) else None
        if parts is None or any(isinstance(part, ast.Starred) for part in parts):
            parts = [None] * len(items)
        return [self.node(item, line, part, depth) for item, part in zip(items, parts)]

    def table(self, table, line, tree, depth):
        parts = {}
        if isinstance(tree, ast.Dict):
            for key, part in zip(tree.keys, tree.values):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    parts[key.value] = (key.lineno, part)
        entries = []
        for key, value in table.items():
            at, part = parts.get(key, (line, None)) if isinstance(key, str) else (line, None)
            entries.append([text(key), at, self.node(value, at, part, depth)])
        return entries

    def lazy(self, lazy, line, tree):
        def items(values):
            tree_of = tree if len(values) == 1 else None
            return [self.node(value, line, tree_of) for value in values]

        return {
            "before": items(lazy.before),
            "after": items(lazy.after),
            "inserts": [[index, self.node(value, line)] for index, value in lazy.inserts],
            "updates": [self.node(value, line, tree if len(lazy.updates) == 1 else None) for value in lazy.updates],
        }


def foreign(value):
    """What no file can hold."""
    if isinstance(value, type):
        if value.__module__ in ("builtins", "__main__"):
            return "own_class", value.__qualname__
        return "class", "%s.%s" % (value.__module__, value.__qualname__)
    inner = getattr(value, "func", value)
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    if callable(value) and not isinstance(value, Stub):
        name = getattr(inner, "__qualname__", type(value).__name__)
        return "function", [name, code.co_firstlineno if code else 0]
    return "object", type(value).__name__


def settings(section, name):
    writer = Writer()
    for key, value in section.items():
        if isinstance(value, Config):
            for found in settings(value, "%s.%s" % (name, key) if name else key):
                yield found
            continue
        if isinstance(value, Lazy):
            if value.place is None:
                continue
            file, line = value.place
        else:
            file, line = section._places.get(key, (0, 0))
        tree = sources.get(files[file], {}).get(line) if files else None
        found = {"class": text(name), "name": text(key), "file": file, "line": line, "literal": literal(tree)}
        if isinstance(value, Lazy):
            found["change"] = writer.lazy(value, line, tree)
        else:
            found["value"] = writer.node(value, line, tree)
        yield found


def failure(error, path):
    """One line, with the last line of the file (or of what lies beside it) that took part."""
    folder = os.path.dirname(path) + os.sep
    file, line = path, 0
    trace, last = error.__traceback__, ""
    while trace is not None:
        last = trace.tb_frame.f_code.co_filename
        if last in files or last.startswith(folder):
            file, line = last, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename and os.path.isabs(error.filename):
        file, line = error.filename, error.lineno or 0
        message = "SyntaxError: %s" % error.msg
    elif isinstance(error, KeyError) and last in (os.__file__, "<frozen os>"):
        message = "the environment has no variable %s" % (error.args[0],)
    elif isinstance(error, SystemExit):
        message = "the file calls exit()"
        if isinstance(error.code, str):
            message = "the file ends with: %s" % error.code
    else:
        message = "%s: %s" % (type(error).__name__, error)
    if isinstance(error, ImportError):
        message += " (Python is %s)" % sys.executable
    message = " ".join(text(message).split())
    return {"file": number_of(file), "line": line, "message": message[:400]}


def main():
    path = os.path.abspath(sys.argv[1])
    sys.argv = [path]
    sys.path.insert(0, os.path.dirname(path))
    sys.meta_path.append(Finder())
    answer = {}
    try:
        run(path)
        answer["set"] = list(settings(c, ""))
    except BaseException as error:  # Whatever the file does, it is said in one line.
        answer = {"error": failure(error, path)}
    answer["files"] = [text(name) for name in files]
    answer["absent"] = absent
    sys.stdout.flush()
    OUT.write(json.dumps(answer).encode())
    OUT.close()
    sys.stderr.flush()
    os.write(2, DONE)
    # Threads that the file started do not hold up the hub.
    os._exit(0)


main()
