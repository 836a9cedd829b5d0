"""Recorded cases asked again: does numafit answer what nova answered?"""
