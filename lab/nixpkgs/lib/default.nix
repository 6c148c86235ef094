# The part of nixpkgs' lib that the lab's configurations may use, under the names it has there.
let
  lib =
    import ./lists.nix { inherit lib; }
    // import ./attrs.nix { inherit lib; }
    // import ./strings.nix { inherit lib; }
    // import ./properties.nix { inherit lib; }
    // import ./options.nix { inherit lib; }
    // import ./modules.nix { inherit lib; }
    // {
      types = import ./types.nix { inherit lib; };
      lists = import ./lists.nix { inherit lib; };
      attrsets = import ./attrs.nix { inherit lib; };
      strings = import ./strings.nix { inherit lib; };
      version = "26.05.estate-lab-stand-in";
    };
in
lib
