import assert from "node:assert/strict";
import { test } from "node:test";
import { programName } from "../../../exporter/sources/program-name.js";

const SECRET = "hunter2";

/** `argv` is a command line, its arguments separated by "|". */
const CASES: readonly { comm: string; argv: string; name: string }[] = [
  // Thread names.
  { comm: "MainThread", argv: "node|/srv/app/server.js|--port=80", name: "node server.js" },
  {
    comm: "MainThread",
    argv: "/usr/local/bin/node|--max-old-space-size=64|dist/x.mjs",
    name: "node x.mjs",
  },
  { comm: "MainThread", argv: "node", name: "node" },
  { comm: "MainThread", argv: "node|-e|setInterval(hunter2)", name: "node" },
  { comm: "MainThread", argv: "node|--require|/srv/hunter2.js|-r|b|app.js", name: "node app.js" },
  { comm: "MainThread", argv: "node|--unknown-option|hunter2|app.js", name: "node" },
  { comm: "MainThread", argv: "node|--inspect|app.js", name: "node app.js" },
  { comm: "MainThread", argv: "node|.", name: "node" },
  {
    comm: "GeckoMain",
    argv: "/usr/lib/firefox/firefox|-new-window|https://hunter2/",
    name: "firefox",
  },
  { comm: "Isolated Web Co", argv: "/usr/lib/firefox/firefox|-contentproc", name: "firefox" },
  { comm: "main", argv: "/opt/tool/bin/collector|--password|hunter2", name: "collector" },
  // Interpreters.
  { comm: "node", argv: "node|server.js", name: "node server.js" },
  {
    comm: "python3",
    argv: "/usr/bin/python3|/home/pi/blink.py|--key|hunter2",
    name: "python3 blink.py",
  },
  { comm: "python3", argv: "python3|-u|-W|ignore|-X|dev|blink.py", name: "python3 blink.py" },
  { comm: "python3.11", argv: "python3.11|-m|http.server|80", name: "python3.11 http.server" },
  { comm: "python3", argv: "python3|-Im|celery|-b|redis://:hunter2@x", name: "python3 celery" },
  { comm: "python3", argv: "python3|-c|print(hunter2)", name: "python3" },
  {
    comm: "python",
    argv: "/srv/venv/bin/python|-Wdefault::DeprecationWarning|a.py",
    name: "python a.py",
  },
  {
    comm: "java",
    argv: "java|-Xmx1g|-Dpw=hunter2|-cp|/a:/hunter2|-jar|/opt/minecraft/server.jar|nogui",
    name: "java server.jar",
  },
  {
    comm: "java",
    argv: "java|-cp|/usr/share/tomcat/x.jar|--enable-preview|org.apache.Bootstrap|start",
    name: "java org.apache.Bootstrap",
  },
  {
    comm: "java",
    argv: "java|--add-opens|java.base/java.lang=ALL-UNNAMED|-m|app/com.example.Main",
    name: "java com.example.Main",
  },
  {
    comm: "dotnet",
    argv: "/usr/bin/dotnet|/opt/jellyfin/jellyfin.dll|--datadir|/x",
    name: "dotnet jellyfin.dll",
  },
  {
    comm: "dotnet",
    argv: "dotnet|exec|--depsfile|/x/hunter2.json|/opt/a.dll",
    name: "dotnet a.dll",
  },
  { comm: "bash", argv: "/bin/bash|/usr/local/bin/backup.sh|hunter2", name: "bash backup.sh" },
  { comm: "bash", argv: "-bash", name: "bash" },
  { comm: "bash", argv: "bash|-euo|pipefail|job.sh", name: "bash job.sh" },
  { comm: "sh", argv: "/bin/sh|-c|mysql -phunter2", name: "sh" },
  { comm: "perl", argv: "/usr/bin/perl|-w|-I|/lib|/usr/bin/exiftool", name: "perl exiftool" },
  { comm: "perl", argv: "perl|-lane|print hunter2", name: "perl" },
  { comm: "ruby", argv: "ruby|-r|hunter2|bin/rails|server", name: "ruby rails" },
  { comm: "php", argv: "php|-d|x=hunter2|-f|/var/www/cron.php", name: "php cron.php" },
  { comm: "php8.2", argv: "php8.2|artisan|queue:work", name: "php8.2 artisan" },
  { comm: "Rscript", argv: "Rscript|model.R", name: "Rscript model.R" },
  { comm: "julia", argv: "julia|-t|4|sim.jl", name: "julia sim.jl" },
  {
    comm: "deno",
    argv: "deno|run|--allow-net|https://me:hunter2@x/a/main.ts?t=hunter2",
    name: "deno main.ts",
  },
  { comm: "mono", argv: "mono|/opt/App.exe", name: "mono App.exe" },
  {
    comm: "java",
    argv: "java|@/opt/app/hunter2.args|-jar|/opt/x.jar",
    name: "java x.jar",
  },
  { comm: "python3.13t", argv: "python3.13t|app.py", name: "python3.13t app.py" },
  { comm: "micropython", argv: "micropython|main.py", name: "micropython main.py" },
  { comm: "electron", argv: "electron|/usr/lib/code/app.asar", name: "electron app.asar" },
  { comm: "octave-cli", argv: "octave-cli|a.m", name: "octave-cli a.m" },
  // Programs that are many, emulators, the loader.
  { comm: "busybox", argv: "busybox|httpd|-f|hunter2", name: "busybox httpd" },
  { comm: "busybox", argv: "httpd|-f|hunter2", name: "httpd" },
  { comm: "busybox", argv: "busybox|--install|hunter2", name: "busybox" },
  { comm: "box64", argv: "/usr/bin/box64|/opt/srv/game_linux|hunter2", name: "box64 game_linux" },
  {
    comm: "ld-linux-aarch6",
    argv: "/lib/ld-linux-aarch64.so.1|--library-path|/opt/hunter2|/opt/prog",
    name: "ld-linux-aarch64.so.1 prog",
  },
  {
    comm: "qemu-arm-static",
    argv: "/usr/bin/qemu-arm-static|-L|/hunter2|/bin/bash",
    name: "qemu-arm-static bash",
  },
  // Started through a descriptor.
  { comm: "exe", argv: "/usr/bin/dockerd|hunter2", name: "dockerd" },
  { comm: "6", argv: "runc|init", name: "runc" },
  // Titles that a process gave itself.
  { comm: "puma: cluster w", argv: "puma: cluster worker 0: 7 [hunter2]", name: "puma" },
  { comm: "spamd child", argv: "spamd child", name: "spamd child" },
  { comm: "sshd", argv: "sshd: hunter2@pts/0", name: "sshd" },
  { comm: "MainThread", argv: "PM2 v5: God Daemon (/home/hunter2/.pm2)", name: "PM2" },
  { comm: "python3", argv: "gunicorn: worker [hunter2]", name: "gunicorn" },
  { comm: "nginx", argv: "nginx: worker process", name: "nginx" },
  { comm: "npm start", argv: "npm start --hunter2", name: "npm" },
  // Scripts that are started by their own name, programs with a name of their own.
  { comm: "exiftool", argv: "/usr/bin/perl|-w|/usr/bin/exiftool|x", name: "exiftool" },
  {
    comm: "unattended-upgr",
    argv: "/usr/bin/python3|/usr/bin/unattended-upgrade|-v",
    name: "unattended-upgrade",
  },
  { comm: "burner", argv: "node|-e|hunter2", name: "burner" },
  { comm: "xmrig", argv: "./xmrig|-p|hunter2", name: "xmrig" },
  { comm: "systemd", argv: "/sbin/init", name: "systemd" },
  { comm: "Xorg", argv: "/usr/lib/xorg/Xorg|:0", name: "Xorg" },
  // Names that the kernel cut.
  {
    comm: "prometheus-node",
    argv: "/usr/bin/prometheus-node-exporter|--x",
    name: "prometheus-node-exporter",
  },
  { comm: "Plex Media Serv", argv: "/usr/lib/plex/Plex Media Server", name: "Plex Media Server" },
  {
    comm: "EpicGamesLaunch",
    argv: "C:\\Program Files\\hunter2\\EpicGamesLauncher.exe",
    name: "EpicGamesLauncher.exe",
  },
  {
    comm: "\u00fcberwachung\\xc3",
    argv: "/opt/\u00fcberwachung\u00e4\u00e4",
    name: "\u00fcberwachung\u00e4\u00e4",
  },
  // Nothing to read.
  { comm: "kworker/0:1-eve", argv: "", name: "kworker/0:1-eve" },
  { comm: "python3", argv: "", name: "python3" },
  { comm: "", argv: "", name: "" },
  { comm: "a) R 1 (b", argv: "", name: "a) R 1 (b" },
];

for (const { comm, argv, name } of CASES) {
  test(`name of a process: comm ${JSON.stringify(comm)}, command line ${argv}`, () => {
    const commandLine = argv === "" ? "" : `${argv.replaceAll("|", "\0")}\0`;
    assert.equal(programName(comm, commandLine), name);
    assert.ok(!programName(comm, commandLine).includes(SECRET));
  });
}
