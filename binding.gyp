# What `npm ci` builds (through scripts/install.mjs and node-gyp) from the source list native/sources.txt:
#   dora_native.node   the addon: every native part and its Node.js glue
#   libdora.so         the C node API (native/include/dora/node.h) for nodes written in C and C++
#   dora-guard         a small program beside the processes of a dataflow
#   dora-launch        a small program that becomes a node's, pinned and scheduled as its dataflow file says
# All land in build/Release. CMakeLists.txt builds the same from the same list, and the C++ tests with it.
{
  'target_defaults': {
    'include_dirs': ['native', 'native/include'],
    'defines': ['NDEBUG'],
    'cflags!': ['-O3'],
    'cflags': ['-O2', '-fPIC', '-fvisibility=hidden', '-Wall', '-Wextra', '-pthread'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fexceptions', '-frtti'],
    'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
    'ldflags': ['-pthread'],
  },
  'targets': [
    {
      'target_name': 'dora_core',
      'type': 'static_library',
      'sources': ['<!@(node scripts/sources.mjs core node)'],
    },
    {
      # gyp links a shared library from the whole of the archives it depends on.
      'target_name': 'dora',
      'type': 'shared_library',
      'product_prefix': 'lib',
      'product_extension': 'so',
      'dependencies': ['dora_core'],
    },
  ],
  'conditions': [
    ['"<!(node scripts/sources.mjs --has addon)"=="1"', {
      'targets': [
        {
          'target_name': 'dora_native',
          'dependencies': ['dora_core'],
          'sources': ['<!@(node scripts/sources.mjs broker operator addon)'],
          'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
          'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
          # libdora's C API stays inside: a C operator that links libdora.so must not meet a second copy of it here.
          'ldflags': ['-Wl,--exclude-libs,ALL'],
          'libraries': ['-ldl'],
        },
      ],
    }],
    ['"<!(node scripts/sources.mjs --has guard)"=="1"', {
      'targets': [
        {
          'target_name': 'dora-guard',
          'type': 'executable',
          'dependencies': ['dora_core'],
          'sources': ['<!@(node scripts/sources.mjs guard)'],
        },
      ],
    }],
    ['"<!(node scripts/sources.mjs --has launch)"=="1"', {
      'targets': [
        {
          'target_name': 'dora-launch',
          'type': 'executable',
          'sources': ['<!@(node scripts/sources.mjs launch)'],
        },
      ],
    }],
  ],
}
