# Packages: each stands for what Debian has already, so "${pkgs.curl}/bin/curl" is /usr/bin/curl.
# A package that is not in commands.nix is an error, as one that nixpkgs does not have.
{ lib }:
let
  commands = import ./commands.nix;
  words = text: builtins.filter (word: builtins.isString word && word != "") (builtins.split "[ \n]+" text);
  programs = { gawk = "awk"; nftables = "nft"; wireguard-tools = "wg"; sqlite = "sqlite3"; openssh = "ssh"; };

  package = name: where: {
    inherit name;
    pname = name;
    type = "derivation";
    outPath = "/usr";
    bin = words (where.bin or "");
    sbin = words (where.sbin or "");
    meta.mainProgram = programs.${name} or name;
  };

  # No package is built: a derivation copies text, or makes links. NIX_PATH's tree is Debian's, so is sh.
  build = name: environment: script: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-euc" "PATH=/usr/bin:/bin:/usr/sbin:/sbin; ${script}" ];
    preferLocalBuild = true;
    allowSubstitutes = false;
  } // environment);

  text = mode: place: name: content: build name { inherit content; passAsFile = [ "content" ]; }
    ''mkdir -p "$(dirname "$out${place}")"; cp "$contentPath" "$out${place}"; chmod ${mode} "$out${place}"'';
in
lib.mapAttrs package commands // {
  inherit lib;
  runtimeShell = "/usr/bin/bash";
  writeText = text "444" "";
  writeTextFile = { name, text, executable ? false, destination ? "", ... }:
    build name { content = text; passAsFile = [ "content" ]; }
      ''mkdir -p "$(dirname "$out${destination}")"; cp "$contentPath" "$out${destination}"; chmod ${if executable then "555" else "444"} "$out${destination}"'';
  writeScript = text "555" "";
  writeShellScript = name: script: text "555" "" name "#!/usr/bin/bash\n${script}\n";
  writeShellScriptBin = name: script: text "555" "/bin/${name}" name "#!/usr/bin/bash\n${script}\n";

  # A directory of links to the commands of packages, and to what packages of our own (writeShellScriptBin) have.
  commandPath = name: packages:
    let
      known = builtins.filter (p: p ? bin && p ? sbin) packages;
      links = builtins.concatMap (p: map (c: "/usr/bin/${c}") p.bin ++ map (c: "/usr/sbin/${c}") p.sbin) known;
      others = builtins.filter (p: !(p ? bin && p ? sbin)) packages;
    in
    build name { links = lib.unique links; others = map (p: "${p}/bin") others; passAsFile = [ "links" ]; } ''
      mkdir -p "$out/bin"
      ln -s bin "$out/sbin"
      for other in $others; do ln -sf "$other"/* "$out/bin/"; done
      xargs -n 200 sh -c 'ln -sf "$@" "$0"' "$out/bin/" <"$linksPath"
    '';
}
